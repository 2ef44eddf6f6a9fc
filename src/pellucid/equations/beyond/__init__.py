"""What the text does not need, but others do: more activations, more losses, ways to keep from learning by rote.

A file for each, written as the rest of the heart is. The text's own path does not pass through here.
"""

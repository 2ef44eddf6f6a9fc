"""The conductor: who trains when, on what, and when it is enough. It holds no formula."""

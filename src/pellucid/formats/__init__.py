"""Records to bytes and back: what Pellucid writes and what it reads again. No pickle anywhere."""

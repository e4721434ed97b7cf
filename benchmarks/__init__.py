"""What the generated package costs, held against upstream's in the same session. See README.md."""

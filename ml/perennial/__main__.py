"""`python -m perennial` is the command `perennial`, for where its script is not on the PATH."""

from perennial.cli import main

main()

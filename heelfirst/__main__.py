"""`python -m heelfirst`."""

from heelfirst.cli import main

main()

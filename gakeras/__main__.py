"""`python -m gakeras` is the command `gakeras`."""

from gakeras.cli import main

if __name__ == "__main__":
    main()

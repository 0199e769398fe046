"""``python -m echotrace`` is the ``echotrace`` command."""

from echotrace.cli.main import main

if __name__ == "__main__":
    main()

"""`python -m workers`."""

import signal

if __name__ == "__main__":
    # Amid an import Python would answer with a traceback; `workers.interrupts` takes over.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    from workers.cli import main

    main()

"""`heelfirst pipeline setup`: databases, retention and accounts, made where they are missing.

    for step in set_up(config, folder):
        step.text, step.is_new

May be run again at any time: what is there already stays as it is. No secret is printed; each is in
a file of mode 0600 whose name a step tells.
"""

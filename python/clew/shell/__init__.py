"""The thin Python side of a session: when to capture, what a cell may have touched, and what the user typed.

Everything that looks at values, stores them or brings them back is the engine's (`clew._engine`). Here are
only the things that hang on IPython: `session` joins them, `hooks` listens, `recorder` decides when, `watch`
tells what may have been touched, `magic` is the way in for words.
"""

"""The crash kit: lives of the real engine that end in every way there is, and what is found of them afterwards.

`make crash` runs it; `CLEW_LONG=1` makes it exhaustive. It is red when an acknowledged run is lost, a wrong value came
back, a store did not open, damage went unsaid, a part could not be run, or a planted fault was not noticed.
"""

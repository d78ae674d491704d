"""A soak: everything at once for hours, every byte checked, memory and descriptors watched.

`make soak HOURS=n`, or `python -m tests.endurance.soak --minutes n`. A microcontroller on the
gateway's line keeps five links busy with servers that behave and servers that do not, while
the network comes and goes. `rounds` plays, `talk` and `streams` judge, `report` prints.
"""

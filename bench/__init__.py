"""`make bench`: what things cost, as ratios that hold on any machine, each against a baseline of the same run.

One file of `bench/topics` a topic. Its function, marked `@topic("name")`, is given a `Bench` and yields `Row`s; nothing
else has to be told of it. `python -m bench` runs all, `--only NAME` one.
"""

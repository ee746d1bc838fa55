"""The live page: a local web server over the stores of runs, while they go on and afterwards.

stores ──> tail ──> watched ──> app ──> server        judge (a process of its own) ──> verdict
which      new rows  curves     JSON    loopback
"""

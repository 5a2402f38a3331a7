"""Is everything that the pipeline stands on in order? Servers are asked, answers are judged, and what is wrong is named.

What does not belong here: how a server is asked (that stands beside its connector), and mending anything.
"""

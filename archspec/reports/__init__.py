"""The report of a network: one page that holds all that is known of it, and asks nothing of the network.

graph -> `levels` (what each block shows) -> `layout` (where it stands, by an engine) -> `data` -> `page` (with jinja2).
"""

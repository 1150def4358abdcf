"""Illisa: a made-up procedures platform of a département, with state tables in SQLite and a JSON API.

No real platform has this schema. It stands for an application of one's own, which the connectors `sql` and `http` read by
configuration: the mapping files are beside this module.
"""

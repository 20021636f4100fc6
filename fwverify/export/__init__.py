"""What a finished report gives to others: inventories for a supervisor, indicators for a monitor.

Reports come from ``report.read``, which refuses an altered one; ``inventory`` makes CSV and
JSON of interfaces, endpoints and data flows, ``indicators`` Suricata rules and a STIX bundle.
"""

"""What proxies and control planes said while they ran: logs, access logs, counters."""

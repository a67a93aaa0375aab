"""Pages and feeds of the web, fetched safely and politely."""

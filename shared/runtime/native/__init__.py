"""How do PostgreSQL and Apache Kafka run on this machine without containers? As ordinary processes."""

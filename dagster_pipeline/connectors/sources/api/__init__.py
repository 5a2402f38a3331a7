"""Answers of REST APIs, as deliveries. httpx speaks HTTP, authlib OAuth2, tenacity waits, JMESPath finds what is nested."""

"""A bucket that speaks S3's protocol, for whoever reads or writes one: its address, its client, its errors."""

"""Rolling an image out on a host. `.github/workflows/deploy.yml` calls what stands here."""

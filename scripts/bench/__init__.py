"""Measurements that anyone can repeat: whole processes, real servers, medians."""

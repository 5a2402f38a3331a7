-- Committed after the late row was written and before the first run: its cursor is greater than the late row's.
UPDATE devices SET model = 'overtaking', updated_at = now() WHERE serial_number = 'SN-00000101';

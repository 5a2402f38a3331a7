-- Written before the first run by a transaction that commits after it. now() is when the transaction began.
UPDATE devices SET model = 'late', updated_at = now() WHERE serial_number = 'SN-00000100';

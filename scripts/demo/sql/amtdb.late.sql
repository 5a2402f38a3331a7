-- Written before the first run by a transaction that commits after it: no run may lose this row.
INSERT INTO accounts VALUES (60001, 77, '000000060001', UNHEX(MD5('late')), 'active', 'vip', 10.5, NULL, 'EUR', 0.01, NULL,
  0, 1, 30, 0, 0, CURRENT_DATE, NULL, NOW(), NOW(6));

-- Committed after the late row was written and before the first run: its cursor is greater than the late row's.
INSERT INTO accounts VALUES (60002, 78, '000000060002', UNHEX(MD5('overtaking')), 'active', '', 20.5, NULL, 'EUR', 0.01, NULL,
  0, 1, 30, 0, 0, CURRENT_DATE, NULL, NOW(), NOW(6));

-- The twelve plans of GitLab's own catalogue. Running it again changes nothing.
INSERT INTO plans (name, title, plan_name_uid)
VALUES
  ('default', 'Default', 1),
  ('free', 'Free', 2),
  ('bronze', 'Bronze', 3),
  ('silver', 'Silver', 4),
  ('premium', 'Premium', 5),
  ('gold', 'Gold', 6),
  ('ultimate', 'Ultimate', 7),
  ('ultimate_trial', 'Ultimate Trial', 8),
  ('premium_trial', 'Premium Trial', 9),
  ('ultimate_trial_paid_customer', 'Ultimate Trial Paid Customer', 10),
  ('opensource', 'Opensource', 11),
  ('early_adopter', 'Early Adopter', 12)
ON CONFLICT DO NOTHING;

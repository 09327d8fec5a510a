import { changedColumns, type Write } from './plan';

/** `namespace_settings.seat_control`. */
const USER_CAP = 1;
export const BLOCK_OVERAGES = 2;

/** The columns of `namespace_settings` that a sync reads and writes. */
export type NamespaceSettings = {
  seat_control: number;
  new_user_signups_cap: number | null;
  prevent_sharing_groups_outside_hierarchy: boolean;
  /** The API calls it `duo_core_features_enabled`; null: never chosen. */
  duo_nano_features_enabled: boolean | null;
};

/**
 * The write of a settings row with what GitLab's model brings along at each write (contract 4.1, rule 5).
 * @returns no write when the row holds all of that already
 */
export function settingsWrites(
  namespace: { id: string; type: string },
  settings: NamespaceSettings,
  values: Partial<NamespaceSettings>,
): Write[] {
  const { seat_control: control } = { ...settings, ...values };
  const preventsSharing = namespace.type === 'Group' && (control === USER_CAP || control === BLOCK_OVERAGES);
  const changed = changedColumns(settings, {
    ...values,
    ...(control !== USER_CAP && { new_user_signups_cap: null }),
    ...(preventsSharing && { prevent_sharing_groups_outside_hierarchy: true }),
  });
  if (Object.keys(changed).length === 0) return [];
  return [{ table: 'namespace_settings', key: { namespace_id: namespace.id }, values: changed }];
}

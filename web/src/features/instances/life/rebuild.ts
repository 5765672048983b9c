import { encodeUserData, type UserData } from '../launch/userData';

/** What a dialog asks before a server is rebuilt. */
export interface RebuildValues {
  image: string;
  name: string;
  /** '' leaves it, 'none' takes it away, 'key:NAME' is another. */
  key: string;
  userData: 'keep' | 'none' | 'new';
  newUserData: UserData;
  password: string;
}

/** requestOf is the body of the action: what is to stay is not in it. */
export function requestOf(v: RebuildValues, before: { name: string }): Record<string, unknown> {
  const name = v.name.trim();
  return {
    imageRef: v.image,
    ...(name !== before.name && { name }),
    ...(v.key && { key_name: v.key === 'none' ? null : v.key.slice('key:'.length) }),
    ...(v.userData === 'none' && { user_data: null }),
    ...(v.userData === 'new' && { user_data: encodeUserData(v.newUserData) || null }),
    ...(v.password && { adminPass: v.password }),
  };
}

/** User data: text that was typed, or a file that is no text, such as a compressed archive. */
export interface UserData {
  text: string;
  file: { name: string; base64: string; bytes: number } | null;
}

/** What the API takes of user data, in characters of base64. */
export const maxEncoded = 65_535;
/** The same in bytes: three are four characters. */
export const maxBytes = Math.floor(maxEncoded / 4) * 3;

export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** encodeUserData is the data in base64; '' where there is none. */
export const encodeUserData = (data: UserData): string =>
  data.file ? data.file.base64 : data.text ? toBase64(new TextEncoder().encode(data.text)) : '';

export const bytesOf = (data: UserData): number =>
  data.file ? data.file.bytes : new TextEncoder().encode(data.text).length;

/** readUserData takes a file for text where it is UTF-8 without zeros, so that it can be seen and changed. */
export function readUserData(name: string, bytes: Uint8Array): UserData {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (!text.includes('\0')) return { text, file: null };
  } catch {
    // no text
  }
  return { text: '', file: { name, base64: toBase64(bytes), bytes: bytes.length } };
}

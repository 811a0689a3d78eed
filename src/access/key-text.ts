import { hash, randomBytes, randomInt, timingSafeEqual } from "node:crypto";

/** A key that was just made. Nobody can make its text again. */
export interface MadeKey {
  /** The whole key, as its holder sends it. */
  readonly text: string;
  /** Its visible part. */
  readonly keyId: string;
  /** SHA-256 of the text, as hexadecimal digits. */
  readonly hash: string;
}

const PREFIX = "tmlsr_";
const ID_LENGTH = 8;
const ID_DIGITS = "abcdefghijklmnopqrstuvwxyz0123456789";
const SECRET_BYTES = 32;
const FORM = /^tmlsr_([a-z0-9]{8})([\w-]{43})$/;

/** Makes a key: `tmlsr_`, 8 visible characters, 32 random bytes as base64url. */
export function makeKey(): MadeKey {
  const keyId = Array.from({ length: ID_LENGTH }, randomDigit).join("");
  const text = `${PREFIX}${keyId}${randomBytes(SECRET_BYTES).toString("base64url")}`;
  return { text, keyId, hash: hashOf(text).toString("hex") };
}

/** The visible part of a text that has the form of a key. */
export function keyIdOf(text: string): string | undefined {
  return FORM.exec(text)?.[1];
}

/**
 * Whether a text is the key of a hash; the time that it takes does not tell where they differ.
 *
 * @param keyHash the bytes of a stored hash.
 */
export function matches(text: string, keyHash: Uint8Array): boolean {
  return timingSafeEqual(hashOf(text), keyHash);
}

function randomDigit(): string {
  return ID_DIGITS.charAt(randomInt(ID_DIGITS.length));
}

function hashOf(text: string): Buffer {
  return hash("sha256", text, "buffer");
}

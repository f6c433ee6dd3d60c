// Tokens: compact JWS with HS256, in the one spelling that docs/protocol.md allows.
//
// jose does the cryptography, over the very bytes that came. What a token may look like is checked here, before and after
// it: JSON.parse() would take a name twice, 35.0 for 35 and -0 for 0, and two programs could read two commands out of one.

import { CompactSign, compactVerify, errors } from 'jose';

export const COMMAND = 'command+jwt';
export const RECEIPT = 'receipt+jwt';

const MOST_BYTES = 4096;
const MOST_HEADER_BYTES = 256;
const MOST_CHARACTERS = 128;

/** A token that cannot be believed: `cause` is the wire name of an alert. */
export class Unbelievable extends Error {
  constructor(cause, detail, kid) {
    super(detail);
    this.cause = cause;
    this.kid = kid;
  }
}

const malformed = (detail) => new Unbelievable('malformed', detail);

/**
 * Takes a payload apart, and believes nothing yet.
 *
 * @param {Buffer} payload as it came from the broker
 * @param {string} typ which kind is wanted
 * @returns {{kid: string, token: string}}
 * @throws {Unbelievable} it is no such token
 */
export function split(payload, typ) {
  if (payload.length > MOST_BYTES) throw malformed(`${payload.length} bytes`);
  const token = payload.toString('latin1').replace(/\r?\n$/, ''); // mosquitto_pub -s sends the line's end on
  const parts = token.split('.');
  if (parts.length !== 3) throw malformed('no three parts');
  const [header] = parts.map(decoded);
  if (header.length > MOST_HEADER_BYTES) throw malformed('a long header');
  const members = flatObject(header);
  if (members === undefined) throw malformed('the header is no flat JSON object');
  if (members.size !== 3 || members.get('alg') !== 'HS256' || members.get('typ') !== typ) throw malformed('the header');
  const kid = members.get('kid');
  if (typeof kid !== 'string') throw malformed('kid');
  return { kid, token };
}

/**
 * The bytes that were signed, once the signature is good. jose leaves the comparing to Web Crypto: it takes constant time.
 *
 * @throws {Unbelievable} the signature is not good
 */
export async function verified(token, key) {
  try {
    const { payload } = await compactVerify(token, key.secret, { algorithms: ['HS256'] });
    return Buffer.from(payload);
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error;
    throw new Unbelievable('bad-signature', error.message, key.kid);
  }
}

/** A receipt, signed. */
export function signed(claims, key) {
  return new CompactSign(Buffer.from(JSON.stringify(claims)))
    .setProtectedHeader({ alg: 'HS256', typ: RECEIPT, kid: key.kid })
    .sign(key.secret);
}

function decoded(part) {
  const bytes = Buffer.from(part, 'base64url'); // it skips what is no base64url; then the next line tells
  if (bytes.toString('base64url') !== part) throw malformed('not canonical base64url');
  return bytes;
}

/**
 * Reads one flat JSON object of strings, integers and booleans; each name once.
 *
 * @param {Buffer} bytes
 * @returns {Map<string, string|number|boolean>|undefined} nothing if it is anything else
 */
export function flatObject(bytes) {
  const text = bytes.toString('latin1');
  const token = /[ \t\r\n]*(?:([{}:,])|("(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(true|false|0|[1-9][0-9]*))/y;
  const next = () => token.exec(text) ?? [];
  const string = (found) => {
    const value = found === undefined ? undefined : JSON.parse(found);
    return value !== undefined && value.length <= MOST_CHARACTERS && /^[\x20-\x7e]*$/.test(value) ? value : undefined;
  };
  const members = new Map();

  if (next()[1] !== '{') return undefined;
  let found = next();
  for (let first = true; first || found[1] === ','; first = false) {
    if (first && found[1] === '}') break; // an empty object
    const name = string(first ? found[2] : next()[2]);
    if (name === undefined || members.has(name) || next()[1] !== ':') return undefined;
    const [, , text_, bare] = next();
    const value = text_ === undefined ? (bare === undefined ? undefined : JSON.parse(bare)) : string(text_);
    if (value === undefined || (typeof value === 'number' && !Number.isSafeInteger(value))) return undefined;
    members.set(name, value);
    found = next();
  }
  if (found[1] !== '}' || /[^ \t\r\n]/.test(text.slice(token.lastIndex))) return undefined;
  return members;
}

// Reads the folder that `latchwire bundle AGENT` makes: all that an agent has to know.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const AGAIN = 'make the bundle again with `latchwire bundle`';
const ACTIONS = ['on', 'off', 'toggle', 'status']; // of a switch; a lock wants more than this program knows

/**
 * @param {string} folder
 * @returns {{name, lifetime, devices: Map, keyring: Map, obeys: Function, broker: object}}
 * @throws {Error} with the place and the cure
 */
export function readBundle(folder) {
  if (!folder || !existsSync(folder)) throw new Error(`${folder || 'LATCHWIRE_BUNDLE'}: there is no such folder; ${AGAIN}`);
  for (const path of [folder, ...['agent.json', 'keyring', 'login', 'broker.json', 'ca.crt'].map((file) => join(folder, file))]) {
    if (existsSync(path) && statSync(path).mode & 0o022) throw new Error(`${path}: others can write to it; type: chmod -R go= ${folder}`);
  }
  const agent = JSON.parse(text(folder, 'agent.json'));
  const devices = Object.entries(agent.devices).map(([name, device]) => [name, { ...device, actions: ACTIONS }]);
  return {
    name: agent.name,
    lifetime: agent.lifetime,
    devices: new Map(devices),
    obeys: (issuer, device, action) => agent.obeys === undefined || allows(agent.obeys[issuer], device, action),
    keyring: parseKeyring(secret(folder, 'keyring'), agent.name),
    broker: readBroker(folder, agent.name),
  };
}

/** Keys by their `kid`, from lines like `whatsapp/1 shelf <64 hexadecimal digits>`; those toward other agents are left out. */
export function parseKeyring(lines, agent) {
  const keys = new Map();
  for (const [number, line] of lines.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const found = /^(([a-z0-9-]{1,32})\/[1-9][0-9]*) ([a-z0-9-]{1,32}) ([0-9a-f]{64})$/.exec(line);
    if (found === null) throw new Error(`keyring: line ${number + 1} is no key; ${AGAIN}`);
    const [, kid, issuer, toward, hex] = found;
    if (toward === agent) keys.set(kid, { kid, issuer, secret: Buffer.from(hex, 'hex') });
  }
  return keys;
}

// "*" is everything; a list is of actions; an object has one of the two for each device. Who may do anything may ask, too.
function allows(grant, device, action) {
  const actions = grant?.constructor === Object ? grant[device] : grant;
  if (actions === '*') return true;
  if (!Array.isArray(actions)) return false;
  return actions.includes(action) || (action === 'status' && actions.some((each) => ACTIONS.includes(each)));
}

function readBroker(folder, login) {
  const { host, port, mqtt } = JSON.parse(text(folder, 'broker.json'));
  const file = (name) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name)) : undefined);
  return {
    host, port, mqtt5: mqtt !== '3.1.1', login, password: secret(folder, 'login').trim(),
    ca: file('ca.crt'), cert: file('client.crt'), key: file('client.key'),
  };
}

function text(folder, name) {
  try {
    return readFileSync(join(folder, name), 'utf8');
  } catch (error) {
    throw new Error(`${join(folder, name)}: cannot be read (${error.code}); ${AGAIN}`);
  }
}

function secret(folder, name) {
  if (existsSync(join(folder, name)) && statSync(join(folder, name)).mode & 0o077) {
    throw new Error(`${join(folder, name)}: others can read it; type: chmod -R go= ${folder}`);
  }
  return text(folder, name);
}

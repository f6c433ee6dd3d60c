// The checks of a command in the order of docs/protocol.md. The first that fails decides.

import { COMMAND, Unbelievable, flatObject, split, verified } from './token.js';

const NAME = /^[a-z0-9-]{1,32}$/;
const FORMS = {
  iss: (value, issuer) => value === issuer,
  sub: (value, issuer) => value.startsWith(`${issuer}:`) && value.length > issuer.length + 1,
  aud: () => true, // it is compared below
  act: (value) => /^[a-z][a-z0-9-]{0,31}$/.test(value),
  jti: (value) => /^[A-Za-z0-9_-]{16,64}$/.test(value),
  nonce: (value) => /^[A-Za-z0-9_-]{22}$/.test(value),
};
const MOST_UNTIL = 600; // seconds: twice the longest lifetime

/**
 * What an agent makes of a message: one of
 *   {alert, kid}                            nobody is answered
 *   {refused, key, command}                 a receipt with that cause
 *   {repeated, key, command}                known: the same receipt again
 *   {accepted, key, command}                it is remembered from now on, and may be done
 *
 * @param {{device: string, payload: Buffer, retained: boolean}} message `device` as the topic says
 * @param {{name, devices, keyring, obeys, lifetime, windows, seconds}} agent
 */
export async function check(message, agent) {
  if (message.retained) return { alert: 'retained' };
  if (!NAME.test(message.device)) return { alert: 'malformed' };
  let kid;
  let claims;
  try {
    const { kid: named, token } = split(message.payload, COMMAND);
    kid = named;
    const key = agent.keyring.get(kid);
    if (key === undefined) return { alert: 'unknown-key' };
    claims = flatObject(await verified(token, key));
  } catch (error) {
    if (!(error instanceof Unbelievable)) throw error;
    return { alert: error.cause, kid: error.kid };
  }
  return judge(message.device, agent.keyring.get(kid), claims, agent);
}

// From here on the signature is good. Nothing waits in here: between the first check and remembering nothing else happens.
function judge(device, key, claims, agent) {
  const { windows } = agent;
  const { command, wellFormed } = read(claims, key.issuer);
  const refused = (cause) => ({ refused: cause, key, command });

  if (!wellFormed) return refused('malformed');
  if (command.aud !== `${agent.name}/${device}`) return refused('wrong-address');
  if (!windows.made(command.nonce)) return refused('unknown-nonce');
  const repeated = windows.find(command.iss, command.jti);
  if (repeated !== undefined) return { repeated, key, command };
  if (command.until > 2 * agent.lifetime) return refused('malformed');
  if (!windows.acts(command.nonce, command.until, agent.seconds())) return refused('stale-nonce');

  const remembered = windows.remember(command.iss, command.jti);
  const answer = (verdict) => ({ ...verdict, key, command, remembered });
  const actions = agent.devices.get(device)?.actions;
  if (actions === undefined) return answer({ refused: 'unknown-device' });
  if (!agent.obeys(command.iss, device, command.act)) return answer({ refused: 'forbidden' });
  if (!actions.includes(command.act)) return answer({ refused: 'unknown-action' });
  return answer({ accepted: true });
}

// Of claims with a fault the good ones are kept, for the receipt; the others are "".
function read(claims = new Map(), issuer) {
  const command = {};
  let wellFormed = claims.size === Object.keys(FORMS).length + 2;
  for (const [name, fits] of Object.entries(FORMS)) {
    const value = claims.get(name);
    const good = typeof value === 'string' && fits(value, issuer);
    command[name] = good ? value : '';
    wellFormed &&= good;
  }
  command.until = claims.get('until');
  wellFormed &&= typeof command.until === 'number' && command.until >= 1 && command.until <= MOST_UNTIL;
  wellFormed &&= typeof claims.get('iat') === 'number';
  return { command, wellFormed };
}

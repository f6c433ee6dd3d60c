// A plain sentence, then key=value. Nothing secret is ever handed to it.

/** @param {'info'|'warn'|'error'} level */
export function log(level, sentence, facts) {
  const told = Object.entries(facts).filter(([, value]) => value !== undefined && value !== '');
  const words = told.map(([name, value]) => `${name}=${/^[\w:+/.-]+$/.test(value) ? value : JSON.stringify(value)}`);
  console.error([level.toUpperCase(), sentence, ...words].join(' '));
}

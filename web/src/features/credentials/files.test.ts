// @vitest-environment node
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  credentialClouds,
  credentialOpenrc,
  type PasswordLogin,
  passwordClouds,
  passwordOpenrc,
  yamlText,
} from './files';

// Names that would do something if they were not text.
const nasty = [
  'demo',
  '演示 项目 🐧',
  '$(touch pwned)',
  '`touch pwned`',
  "'; touch pwned #",
  "'$(touch pwned)'",
  '"; touch pwned; "',
  "it's \\' \\ ''",
  'one\ntouch pwned\n',
  '\n# comment\ntouch pwned',
  '\r\ntouch pwned\r\n',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's
  '${IFS}touch${IFS}pwned && || | ; < > ! * ? ~ %s %n',
  '# no comment',
  ': - {a: b} [c] & *d !!python/object/apply:os.system ["touch pwned"]',
  'a: b\n  username: "root"\n',
  '"\n    username: root\n#',
  '- -rf',
  '   spaces   ',
  '\t\b\f\u0001\u007f\u0085\u2028\u2029\ufeff\uffff',
  'null',
  '0755',
  'yes',
];

const place = { authUrl: 'http://127.0.0.1:5000/identity/v3', region: 'RegionOne' };
const login = (name: string): PasswordLogin => ({
  ...place,
  region: name,
  user: name,
  userDomain: name,
  project: { id: '1', name, domain: name },
});

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'wisp-files-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function source(content: string, shell: string, variable: string, input = ''): string {
  writeFileSync(join(folder, 'openrc'), content);
  const { stdout, status } = spawnSync(shell, ['-c', `. ./openrc 2>/dev/null; printf '%s' "$${variable}"`], {
    cwd: folder,
    input,
    encoding: 'utf8',
  });
  expect(status).toBe(0);
  expect(existsSync(join(folder, 'pwned')), 'the name was run').toBe(false);
  return stdout;
}

const shells = ['bash', 'dash'].filter((shell) => spawnSync(shell, ['-c', ':']).status === 0);

describe.each(shells)('%s reads an openrc', (shell) => {
  test.each(nasty)('with the name %j', (name) => {
    const content = passwordOpenrc(login(name));
    for (const variable of ['OS_PROJECT_NAME', 'OS_USERNAME', 'OS_REGION_NAME', 'OS_PROJECT_DOMAIN_NAME']) {
      expect(source(content, shell, variable)).toBe(name);
    }
    expect(source(content, shell, 'OS_AUTH_URL')).toBe(place.authUrl);
  });

  test('asks for the password', () => {
    expect(source(passwordOpenrc(login('demo')), shell, 'OS_PASSWORD', "p'a $(s) \\s\n")).toBe("p'a $(s) \\s");
  });

  test.each(nasty)('with the secret %j', (secret) => {
    const content = credentialOpenrc({ ...place, id: '7', secret });
    expect(source(content, shell, 'OS_APPLICATION_CREDENTIAL_SECRET')).toBe(secret);
    expect(source(content, shell, 'OS_APPLICATION_CREDENTIAL_ID')).toBe('7');
    expect(source(`OS_USERNAME=other OS_PROJECT_ID=1\n${content}`, shell, 'OS_USERNAME$OS_PROJECT_ID')).toBe('');
  });
});

const python = (code: string, content: string): string =>
  execFileSync('python3', ['-c', code], { input: content, encoding: 'utf8', env: { ...process.env, PYTHONUTF8: '1' } });

const hasYaml = spawnSync('python3', ['-c', 'import yaml']).status === 0;

describe.skipIf(!hasYaml)('clouds.yaml, read by a parser', () => {
  const parse = (content: string): unknown =>
    JSON.parse(python('import sys, json, yaml; print(json.dumps(yaml.safe_load(sys.stdin.read())))', content));

  test.each(nasty)('with the name %j', (name) => {
    expect(parse(passwordClouds(login(name)))).toEqual({
      clouds: {
        wisp: {
          auth_type: 'password',
          auth: {
            auth_url: place.authUrl,
            username: name,
            user_domain_name: name,
            project_name: name,
            project_domain_name: name,
          },
          region_name: name,
          interface: 'public',
          identity_api_version: '3',
        },
      },
    });
  });

  test.each(nasty)('with the secret %j', (secret) => {
    expect(parse(credentialClouds({ ...place, id: '7', secret }))).toMatchObject({
      clouds: { wisp: { auth: { application_credential_id: '7', application_credential_secret: secret } } },
    });
  });
});

// Where no parser is at hand: a double-quoted scalar without line breaks cannot end before its last character.
test.each(nasty)('the YAML scalar of %j is one line that JSON reads back', (name) => {
  const scalar = yamlText(name);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  expect(scalar).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff]/);
  expect(JSON.parse(scalar)).toBe(name);
});

test('no password in a file for password log-in', () => {
  expect(passwordClouds(login('demo'))).not.toMatch(/password:/);
});

// Names in these files come from people. In the openrc each value is one single-quoted word of the shell, in which nothing is
// expanded; in clouds.yaml each is one double-quoted scalar. Nothing that comes from the cloud stands anywhere else in them, not
// even in a comment (OSSN-0097).

/** What a program needs to know of this cloud. */
export interface Place {
  authUrl: string;
  region: string;
}

/** Log-in with a user's password, which the files do not hold. */
export interface PasswordLogin extends Place {
  user: string;
  userDomain: string;
  project?: { id: string; name: string; domain: string };
}

/** Log-in with an application credential. */
export interface CredentialLogin extends Place {
  id: string;
  secret: string;
}

/** shellWord makes one word of any text, for POSIX shells. */
export const shellWord = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** yamlText is a double-quoted scalar: JSON's, with the characters escaped that YAML does not take as they are. */
export const yamlText = (text: string): string =>
  JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** Variables of other log-ins, which would contradict the one in the file. */
const others = [
  'OS_AUTH_TYPE',
  'OS_CLOUD',
  'OS_TOKEN',
  'OS_USERNAME',
  'OS_USER_ID',
  'OS_PASSWORD',
  'OS_USER_DOMAIN_NAME',
  'OS_USER_DOMAIN_ID',
  'OS_PROJECT_NAME',
  'OS_PROJECT_ID',
  'OS_PROJECT_DOMAIN_NAME',
  'OS_PROJECT_DOMAIN_ID',
  'OS_TENANT_NAME',
  'OS_TENANT_ID',
  'OS_DOMAIN_NAME',
  'OS_DOMAIN_ID',
  'OS_SYSTEM_SCOPE',
  'OS_APPLICATION_CREDENTIAL_ID',
  'OS_APPLICATION_CREDENTIAL_NAME',
  'OS_APPLICATION_CREDENTIAL_SECRET',
];

const common = ({ authUrl, region }: Place): [string, string][] => [
  ['OS_AUTH_URL', authUrl],
  ['OS_IDENTITY_API_VERSION', '3'],
  ['OS_REGION_NAME', region],
  ['OS_INTERFACE', 'public'],
];

const script = (variables: [string, string][], ...rest: string[]): string =>
  [
    '# Use it with: . ./openrc',
    `unset ${others.join(' ')}`,
    ...variables.map(([name, value]) => `export ${name}=${shellWord(value)}`),
    ...rest,
    '',
  ].join('\n');

export function credentialOpenrc(login: CredentialLogin): string {
  return script([
    ['OS_AUTH_TYPE', 'v3applicationcredential'],
    ...common(login),
    ['OS_APPLICATION_CREDENTIAL_ID', login.id],
    ['OS_APPLICATION_CREDENTIAL_SECRET', login.secret],
  ]);
}

/** The password is asked for when the file is read, and not echoed. */
export function passwordOpenrc(login: PasswordLogin): string {
  const { project } = login;
  return script(
    [
      ['OS_AUTH_TYPE', 'password'],
      ...common(login),
      ['OS_USERNAME', login.user],
      ['OS_USER_DOMAIN_NAME', login.userDomain],
      ...(project
        ? ([
            ['OS_PROJECT_NAME', project.name],
            ['OS_PROJECT_DOMAIN_NAME', project.domain],
          ] as [string, string][])
        : []),
    ],
    `printf 'Password of %s: ' "$OS_USERNAME" >&2`,
    'if [ -t 0 ]; then stty -echo; fi',
    'IFS= read -r OS_PASSWORD',
    'if [ -t 0 ]; then stty echo; fi',
    'echo >&2',
    'export OS_PASSWORD',
  );
}

type Yaml = { [key: string]: Yaml | string };

const yamlLines = (value: Yaml, indent = ''): string[] =>
  Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === 'string'
      ? [`${indent}${key}: ${yamlText(inner)}`]
      : [`${indent}${key}:`, ...yamlLines(inner, `${indent}  `)],
  );

const clouds = ({ region }: Place, rest: Yaml): string =>
  `${yamlLines({
    clouds: { wisp: { ...rest, region_name: region, interface: 'public', identity_api_version: '3' } },
  }).join('\n')}\n`;

export const credentialClouds = (login: CredentialLogin): string =>
  clouds(login, {
    auth_type: 'v3applicationcredential',
    auth: {
      auth_url: login.authUrl,
      application_credential_id: login.id,
      application_credential_secret: login.secret,
    },
  });

export const passwordClouds = (login: PasswordLogin): string =>
  clouds(login, {
    auth_type: 'password',
    auth: {
      auth_url: login.authUrl,
      username: login.user,
      user_domain_name: login.userDomain,
      ...(login.project ? { project_name: login.project.name, project_domain_name: login.project.domain } : {}),
    },
  });

import type { EC2Key } from '~/api/delegation';

type Pair = Pick<EC2Key, 'access' | 'secret'>;

/** ec2rc are variables for a shell: those of the AWS tools, and those of the older EC2 tools. Keys hold letters and digits alone. */
export const ec2rc = ({ access, secret }: Pair): string =>
  [
    `export AWS_ACCESS_KEY_ID=${access}`,
    `export AWS_SECRET_ACCESS_KEY=${secret}`,
    `export EC2_ACCESS_KEY=${access}`,
    `export EC2_SECRET_KEY=${secret}`,
    '',
  ].join('\n');

/** awsCredentials is ~/.aws/credentials, which boto3 and the AWS tools read. */
export const awsCredentials = ({ access, secret }: Pair): string =>
  ['[wisp]', `aws_access_key_id = ${access}`, `aws_secret_access_key = ${secret}`, ''].join('\n');

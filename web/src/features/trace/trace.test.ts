import { beforeAll, describe, expect, it } from 'vitest';
import type { Trace, TraceStep } from '~/api/network';
import { startWords } from '~/test/words';
import { adviceOf, packetWords, pathOf } from './advice';
import { formOf, queryOf, questionOf, receiver } from './values';

beforeAll(() => startWords());

const step = (hop: TraceStep['hop'], verdict: TraceStep['verdict']): TraceStep => ({
  hop,
  verdict,
  resource_type: null,
  resource_id: null,
  host: null,
  reason: '',
  rule: null,
});
const trace = (...steps: TraceStep[]): Trace => ({
  port_id: 'p',
  source: '10.0.0.5',
  destination: '10.0.1.5',
  protocol: 6,
  source_port: 40000,
  destination_port: 22,
  reached: false,
  disagreement: null,
  steps,
});

describe('the address of the page', () => {
  it.each([
    'port=p&to=10.0.0.5&protocol=icmp',
    'port=p&to=fd00%3A%3A5&protocol=tcp&destination_port=22',
    'port=p&to=10.0.0.5&protocol=udp&destination_port=53&source_port=5353',
    'port=p&to=10.0.0.5&protocol=47',
  ])('%s is written as it was read', (text) => {
    expect(new URLSearchParams(queryOf(formOf(new URLSearchParams(text)))).toString()).toBe(text);
  });

  it('asks nothing until enough is known', () => {
    const asked = (text: string) => questionOf(new URLSearchParams(text));
    expect(asked('')).toBeUndefined();
    expect(asked('port=p')).toBeUndefined();
    expect(asked('port=p&to=10.0.0.5&protocol=tcp')).toBeUndefined();
    expect(asked('port=p&to=10.0.0.5')).toEqual({ port: 'p', query: { destination: '10.0.0.5', protocol: 'icmp' } });
  });

  it('leaves out ports of protocols that have none', () => {
    expect(queryOf({ ...formOf(new URLSearchParams('port=p&to=x')), destinationPort: '22' })).not.toHaveProperty(
      'destination_port',
    );
  });
});

describe('receiver', () => {
  it.each(['10.0.0.5', 'fd00::5', ''])('takes %j', (value) => expect(receiver(value)).toBeUndefined());
  it.each(['10.0', 'x', '224.0.0.1', '0.0.0.0', 'ff02::1', '255.255.255.255'])('refuses %j', (value) =>
    expect(receiver(value)).toBeDefined(),
  );
});

describe('adviceOf', () => {
  it('tells the rules of the sender from those of the receiver', () => {
    const [yes, no] = [step('security_group', 'accepted'), step('security_group', 'dropped')];
    expect(adviceOf(trace(step('port', 'forwarded'), no))?.word).toBe('egress');
    expect(adviceOf(trace(step('port', 'forwarded'), yes, step('network', 'forwarded'), no))?.word).toBe('ingress');
  });

  it('names what drops, or nothing', () => {
    expect(adviceOf(trace(step('router', 'dropped')))?.word).toBe('router');
    expect(adviceOf(trace(step('snat', 'dropped')))?.word).toBe('nat');
    expect(adviceOf(trace(step('wire', 'dropped')))?.word).toBe('other');
    expect(adviceOf(trace(step('port', 'forwarded')))).toBeUndefined();
  });
});

it('packets and pages have words and addresses', () => {
  expect(packetWords(trace())).toBe('TCP 22');
  expect(packetWords({ protocol: 47, destination_port: null })).toBe('IP 47');
  expect(pathOf({ resource_type: 'router', resource_id: 'r' })).toBe('/routers/r');
  expect(pathOf({ resource_type: 'router', resource_id: null })).toBeUndefined();
  expect(pathOf({ resource_type: null, resource_id: null })).toBeUndefined();
});

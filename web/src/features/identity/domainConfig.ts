/** The configuration of a domain: options by group; values are of any kind of JSON. */
export type DomainConfig = Record<string, Record<string, unknown>>;

export interface ConfigOption {
  id: string;
  name: string;
  group: string;
  option: string;
  value: unknown;
}

/** optionsOf are the options of a configuration, one by one. */
export const optionsOf = (config: DomainConfig): ConfigOption[] =>
  Object.entries(config).flatMap(([group, options]) =>
    Object.entries(options).map(([option, value]) => ({
      id: `${group}/${option}`,
      name: `${group}.${option}`,
      group,
      option,
      value,
    })),
  );

/** readValue takes JSON for what it is, and anything else for a text: 20 is a number, cn=example is none. */
export function readValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export const writeValue = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

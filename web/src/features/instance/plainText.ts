/**
 * Sequences by which a program speaks to a terminal (ECMA-48): CSI and what follows it, OSC and the other strings up to their
 * end, and two-character escapes.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const sequences = /\u001b\[[0-?]*[ -/]*[@-~]|\u001b[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[ -/]*[0-~]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/**
 * plainText is what a guest wrote, as text alone. It is for a text node: what looks like markup stays as it was written. Of a
 * line that was written over by carriage returns the last version stays.
 */
export function plainText(output: string): string {
  return output
    .replace(sequences, '')
    .split('\n')
    .map((line) => line.replace(/\r+$/, '').split('\r').at(-1) ?? '')
    .join('\n')
    .replace(controls, '');
}

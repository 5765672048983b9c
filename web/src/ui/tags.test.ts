import { beforeAll, expect, test } from 'vitest';
import { startWords } from '~/test/words';
import { tagList, tagsOf } from './TagsForm';

beforeAll(() => startWords());

test('a line is a tag', () => expect(tagsOf(' web \n\ndatabase')).toEqual(['web', 'database']));

test.each([
  ['web\ndatabase', undefined],
  ['', undefined],
  ['web\nweb', 'This is there already'],
  ['a,b', 'Neither a comma nor a slash'],
  ['abcdef', 'At most 5 characters'],
])('tags %j', (value, wrong) => expect(tagList(value === 'abcdef' ? 5 : 60)(value)).toBe(wrong));

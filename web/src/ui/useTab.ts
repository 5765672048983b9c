import { useSearchParams } from 'react-router-dom';

/** useTab keeps the open tab of a page in its address, so that a reload and a link find it again. */
export function useTab(first: string): [string, (tab: string) => void] {
  const [params, setParams] = useSearchParams();
  return [
    params.get('tab') ?? first,
    (tab) =>
      setParams(
        (now) => {
          if (tab === first) now.delete('tab');
          else now.set('tab', tab);
          return now;
        },
        { replace: true },
      ),
  ];
}

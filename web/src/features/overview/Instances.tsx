import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import { useTranslation } from 'react-i18next';
import { useServers } from '~/api/compute';
import { Go } from '~/ui/Go';
import { Loaded } from '~/ui/Loaded';
import { Status } from '~/ui/Status';
import { countByStatus, slicesOf } from './arcs';
import { Donut } from './Donut';

/** The project's instances, counted by state. */
export function Instances() {
  const { t } = useTranslation('overview');
  const query = useServers();
  return (
    <Container header={<Header variant="h2">{t('instances.title')}</Header>}>
      <Loaded query={query}>
        {(servers) => {
          if (servers.length === 0) {
            return (
              <Box>
                {t('instances.none')} <Go to="/instances/launch">{t('steps.instanceDo')}</Go>
              </Box>
            );
          }
          const counts = countByStatus(servers);
          return (
            <div className="donuts">
              <Donut
                slices={slicesOf(counts)}
                whole={servers.length}
                middle={String(servers.length)}
                label={<Go to="/instances">{t('instances.all')}</Go>}
              />
              <ul className="states">
                {counts.map(({ status, count }) => (
                  <li key={status}>
                    <Status value={status} note={String(count)} />
                  </li>
                ))}
              </ul>
            </div>
          );
        }}
      </Loaded>
    </Container>
  );
}

import type { AgentStyle, ReadTurn } from '../../env/webshop/agent/agent-style.ts';
import type { SpokenOptions } from '../../env/webshop/agent/spoken-session.ts';
import { agentStyle, agentStyleNames } from '../../env/webshop/agent/styles.ts';
import { layouts } from '../../env/webshop/pages/layout.ts';
import type { ResolvedOptions } from '../../env/webshop/webshop-options.ts';
import type { Turn } from '../../rollout/trajectory.ts';

/** A way to speak to a model: what an environment's options say of it. */
export type Manner = Omit<SpokenOptions, 'instruction' | 'name'>;

/** The ways in which a trajectory may have been recorded: the environment's own first, then every style by name, each in every layout. */
export function manners(options: ResolvedOptions): Manner[] {
  const { pageBudget } = options;
  const others = agentStyleNames.map((name) => agentStyle(name)).filter(({ name }) => name !== options.style.name);
  const ways = [
    options,
    ...others.map((style) => ({
      style,
      layout: style.layout ?? options.layout,
      maxActions: style.maxActions ?? Number.POSITIVE_INFINITY,
      maxTurns: style.maxTurns ?? Number.POSITIVE_INFINITY,
      pageBudget,
    })),
  ];
  return ways.flatMap((way) => [...new Set([way.layout, ...layouts])].map((layout) => ({ ...way, layout })));
}

/**
 * For recordings in a form of their own: turns mean what the recording says that they meant, where it does, else what can be found in their
 * text.
 */
export function unknownManner(options: ResolvedOptions, turns: readonly Turn[]): Manner {
  const loose = agentStyle('think-act');
  const known = new Map(turns.map((turn) => [turn.text, recordedReading(turn)]));
  const style: AgentStyle = {
    ...loose,
    begin: () => {
      const dialogue = loose.begin();
      return {
        observe: (view, last) => dialogue.observe(view, last),
        read: (said, offer) => known.get(said) ?? dialogue.read(said, offer),
      };
    },
  };
  const unlimited = { maxActions: Number.POSITIVE_INFINITY, maxTurns: Number.POSITIVE_INFINITY, pageBudget: Number.POSITIVE_INFINITY };
  return { style, layout: options.layout, ...unlimited };
}

function recordedReading({ info }: Turn): ReadTurn | undefined {
  const actions = info?.actions;
  if (!Array.isArray(actions) || !actions.every((action) => typeof action === 'string')) return undefined;
  return { actions, formatted: true, ...(typeof info?.thought === 'string' ? { thought: info.thought } : {}) };
}

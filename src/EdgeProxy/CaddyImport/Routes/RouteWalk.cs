using System.Collections.Immutable;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>Follows all requests of a site through its steps, as Caddy does, and writes down where they end as routes of which the first that matches
/// counts.</summary>
/// <remarks>
/// At each matcher that takes some of the requests there are two ways on. The one that is written first needs its condition, the other one none, as each
/// request that comes there has been taken. That is the way through the matcher, unless only its opposite can be said by a route.
/// </remarks>
internal sealed class RouteWalk(ImportRemarks remarks)
{
    /// <summary>Two ways at each matcher are many soon; nobody could read so many routes.</summary>
    private const int MaxRoutes = 200;

    private readonly List<MadeRoute> _routes = [];
    private readonly HashSet<RouteStep> _reached = new(ReferenceEqualityComparer.Instance);
    private bool _hasTooMany;

    /// <param name="steps">Of a site, in order.</param>
    /// <param name="site">Its line.</param>
    public IReadOnlyList<MadeRoute> Run(IReadOnlyList<RouteStep> steps, SourceLine site)
    {
        Go(new Place(steps, 0, [], null), new Way(Condition.All, [], []), new RouteState());
        if (_hasTooMany)
        {
            remarks.Problem(site,
                $"needs more than {MaxRoutes} routes, as many matchers can meet in one request; write each case as a handle block of its own");
        }

        NoteUnreached(steps);
        return _routes;
    }

    private void Go(Place? place, Way way, RouteState state)
    {
        while (place is not null && place.Index == place.Steps.Count)
        {
            place = place.Next;
        }

        if (_hasTooMany || place is null)
        {
            Emit(way, state, RouteEnd.Nothing, source: null);
            return;
        }

        var step = place.Steps[place.Index];
        if (step.Group is { } group && place.Taken.Contains(group))
        {
            Go(place.Past(), way, state);
            return;
        }

        if (ConditionOf(step, state) is not { } condition || way.Excludes(condition))
        {
            Go(place.Past(), way, state);
        }
        else if (way.Implies(condition))
        {
            Take(step, place, way, state);
        }
        else if (way.Where.And(condition) is { } narrower)
        {
            Take(step, place, way with { Where = narrower }, state);
            Go(place.Past(), way with { Outside = way.Outside.Add(condition) }, state);
        }
        else if (way.Where.Without(condition) is { } outside)
        {
            Go(place.Past(), way with { Where = outside }, state);
            Take(step, place, way with { Inside = way.Inside.Add(condition) }, state);
        }
        else
        {
            remarks.Problem(
                step.Source.At,
                $"'{step.Source}' is for some requests of the directives around it that no single route can name; write its matcher with paths alone, or as " +
                    "a handle of its own");
        }
    }

    private void Take(RouteStep step, Place place, Way way, RouteState state)
    {
        _reached.Add(step);
        var next = place.Past(step.Group);
        switch (step)
        {
            case ChangeStep change:
                var (changed, fault) = change.Change(state, way.Where);
                if (fault is not null)
                {
                    remarks.Problem(change.Source.At, fault);
                }

                Go(next, way, changed);
                break;
            case NestedStep nested:
                Go(new Place(nested.Body, 0, [], next), way, state);
                break;
            case EndStep end when end.End(state) is { } served:
                Emit(way, state, served, end.Source);
                if (served.GoesOn)
                {
                    Go(next, way, state);
                }

                break;
        }
    }

    /// <summary>What a matcher asks of the path that the client has sent.</summary>
    /// <returns>Null: it takes none, or that cannot be told, and a problem has said so.</returns>
    private Condition? ConditionOf(RouteStep step, RouteState state)
    {
        var condition = step.Matcher.Condition;
        if (condition.HasOpenRoot)
        {
            if (FilesReader.FaultOfRoot(state.Root, $"'{step.Source}' asks for a file, and") is { } fault)
            {
                _reached.Add(step);
                remarks.Problem(step.Source.At, fault);
                return null;
            }

            condition = condition.BelowRoot(state.Root!);
        }

        if (condition.Kinds.FirstOrDefault(kind => IsChanged(kind, state)) is { } changed)
        {
            _reached.Add(step);
            remarks.Problem(
                step.Source.At,
                $"'{step.Source}' asks for {changed.Replace(':', ' ')}, which a directive before it has changed, and routes ask for what the client has sent");
            return null;
        }

        if (!condition.AsksPath || !state.IsPathChanged)
        {
            return condition;
        }

        if (state is { Rewrite: null, TryFiles: null, IsStripSure: true, StripPrefix: { } prefix } && condition.Below(prefix) is { } whole)
        {
            return whole;
        }

        if (state is { Rewrite: { } target, TryFiles: null } && condition is { Paths: { } paths, Not.IsEmpty: true }
            && !(condition with { Paths = null }).AsksPath)
        {
            var (path, isPart) = (target.Split('?', '{')[0], target.Split('?')[0].Contains('{', StringComparison.Ordinal));
            var rewritten = isPart ? path + "*" : path;
            if (paths.Any(pattern => PathSets.Covers(pattern, rewritten)))
            {
                return condition with { Paths = null };
            }

            if (paths.All(pattern => PathSets.AreDisjoint(pattern, rewritten)))
            {
                return null;
            }
        }

        _reached.Add(step); // that it has no effect is not known
        var changer = state.TryFiles is not null ? "try_files" : state.Rewrite is not null ? "rewrite" : "a prefix that was taken off";
        remarks.Problem(
            step.Source.At,
            $"'{step.Source}' matches a path that {changer} has changed before, which is not translated; put the two into handle blocks of their own");
        return null;
    }

    /// <summary>Whether what a list is about is not that of the client any more.</summary>
    private static bool IsChanged(string kind, RouteState state) => kind.Split(':', 2) switch
    {
        ["Query", _] => state.Rewrite?.Contains('?', StringComparison.Ordinal) == true,
        ["Headers" or "HeaderRegex", var field] => state.RequestFields.Exists(change => change.IsOf(field)),
        ["Hosts"] => state.RequestFields.Exists(change => change.IsOf("Host")),
        _ => false,
    };

    private void Emit(Way way, RouteState state, RouteEnd end, Statement? source)
    {
        if (_routes.Count == MaxRoutes)
        {
            _hasTooMany = true;
            return;
        }

        var content = new RouteContent(remarks).Of(state, end, source);
        var resolved = CaptureNames.Resolve(content, way.Where, out var fault);
        if (fault is not null)
        {
            remarks.Problem(source?.At ?? state.ResponseFields[^1].At, fault);
        }

        _routes.Add(new MadeRoute(way.Where, resolved, state.Encodings));
    }

    private void NoteUnreached(IReadOnlyList<RouteStep> steps)
    {
        foreach (var step in steps)
        {
            if (!_reached.Contains(step))
            {
                remarks.Note(step.Source.At, $"'{step.Source}' has no effect, in Caddy neither: other directives take all its requests before it");
            }
            else if (step is NestedStep nested)
            {
                NoteUnreached(nested.Body);
            }
        }
    }

    /// <summary>Where a request is in the steps: in a block, and what comes behind the block.</summary>
    /// <param name="Taken">The groups of which one has run.</param>
    private sealed record Place(IReadOnlyList<RouteStep> Steps, int Index, ImmutableHashSet<string> Taken, Place? Next)
    {
        public Place Past(string? group = null) => this with { Index = Index + 1, Taken = group is null ? Taken : Taken.Add(group) };
    }

    /// <summary>Which requests come here.</summary>
    /// <param name="Where">What a route has to say of them, behind the routes that are written.</param>
    /// <param name="Outside">What does not hold for them.</param>
    /// <param name="Inside">What holds for them without being said, as others have been taken.</param>
    private sealed record Way(Condition Where, ImmutableList<Condition> Outside, ImmutableList<Condition> Inside)
    {
        public bool Implies(Condition condition) => Where.Implies(condition) || Inside.Exists(inside => inside.Implies(condition));

        public bool Excludes(Condition condition) =>
            Where.IsDisjoint(condition) || Outside.Exists(condition.Implies) || Inside.Exists(inside => inside.IsDisjoint(condition));
    }
}

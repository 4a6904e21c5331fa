namespace EdgeProxy.Sites.Reaching;

/// <summary>Proves of routes that no request comes to them.</summary>
/// <remarks>
/// A request that comes to a route fulfils its conditions and fails at least one of each route before it. Each way to choose those is followed, with what is
/// known of the request then: values that it may have, and tests that it has failed. Where every way ends in a contradiction there is no such request. What
/// is known is always at least what can be, so that a route which is reached is never said not to be.
/// </remarks>
/// <param name="site">Whose hosts and scheme all of its requests have.</param>
internal sealed class RouteReach(SiteOptions site)
{
    /// <summary>Of ways that are looked at for a route; beyond it nothing is proved.</summary>
    private const int MaxSteps = 5_000;

    private readonly Dictionary<SiteRouteOptions, Clause> _clauses = [];
    private int _steps;

    /// <summary>The routes of a site to which no request comes, by their places.</summary>
    public static IReadOnlyList<int> Unreached(SiteOptions site)
    {
        var (reach, earlier, unreached) = (new RouteReach(site), new List<SiteRouteOptions>(), new List<int>());
        foreach (var (i, route) in (site.Routes ?? []).Index())
        {
            if (reach.IsContradictory(route) || reach.FindTakers(route, earlier).Count > 0)
            {
                unreached.Add(i);
            }
            else if (!route.PassThru)
            {
                earlier.Add(route);
            }
        }

        return unreached;
    }

    /// <summary>Whether the conditions of a route contradict each other, or the site.</summary>
    public bool IsContradictory(SiteRouteOptions route)
    {
        _steps = 0;
        return Start(route) is not { } known || IsNothing(known, [.. Exclusions(route)], 0);
    }

    /// <summary>The routes before one that leave nothing to it.</summary>
    /// <param name="earlier">All before it that keep what they take.</param>
    /// <returns>Empty: they may leave something.</returns>
    public IReadOnlyList<SiteRouteOptions> FindTakers(SiteRouteOptions route, IReadOnlyList<SiteRouteOptions> earlier)
    {
        foreach (var one in earlier)
        {
            if (TakeAll(route, [one]))
            {
                return [one];
            }
        }

        if (!TakeAll(route, earlier))
        {
            return [];
        }

        var takers = earlier.ToList();
        foreach (var one in earlier)
        {
            if (TakeAll(route, [.. takers.Where(other => other != one)]))
            {
                takers.Remove(one);
            }
        }

        return takers;
    }

    private bool TakeAll(SiteRouteOptions route, IReadOnlyList<SiteRouteOptions> earlier)
    {
        _steps = 0;
        return Start(route) is { } known
            && IsNothing(known, [.. Exclusions(route), .. earlier.Select(ClauseOf)], 0);
    }

    /// <summary>What a request fails that a route does not take.</summary>
    private Clause ClauseOf(SiteRouteOptions route) => _clauses.TryGetValue(route, out var known) ? known
        : _clauses[route] = new Clause(Test.Of(route.Match ?? new MatchOptions(), route.Path), [.. Exclusions(route)]);

    /// <returns>Null: already that is a contradiction.</returns>
    private Known? Start(SiteRouteOptions route)
    {
        var known = new Known(new Dictionary<string, Test>(), []);
        foreach (var test in OfSite().Concat(Test.Of(route.Match ?? new MatchOptions(), route.Path)))
        {
            if (known.Holding(test) is not { } next)
            {
                return null;
            }

            known = next;
        }

        return known;
    }

    private IEnumerable<Test> OfSite() => Test.Of(new ConditionOptions { Hosts = site.Hosts }, ["/*"]).Append(
        TextTest.Exact("scheme", site.Scheme switch { SiteScheme.Http => ["http"], SiteScheme.Https => ["https"], _ => ["http", "https"] }));

    /// <summary>What does not hold for a route's requests.</summary>
    private static IEnumerable<Clause> Exclusions(SiteRouteOptions route)
    {
        if (route.Match?.ClientNotIn is { Count: > 0 } networks)
        {
            yield return new Clause(Test.Of(new ConditionOptions { ClientIn = networks }, paths: null), []);
        }

        foreach (var not in route.Match?.Not ?? [])
        {
            yield return new Clause(Test.Of(not, not.Path), []);
        }
    }

    /// <summary>Whether no request is as known and fails each clause.</summary>
    private bool IsNothing(Known known, IReadOnlyList<Clause> clauses, int next)
    {
        if (next == clauses.Count || ++_steps > MaxSteps)
        {
            return false;
        }

        foreach (var test in clauses[next].Tests)
        {
            if (known.Failing(test) is { } failed && !IsNothing(failed, clauses, next + 1))
            {
                return false;
            }
        }

        foreach (var exclusion in clauses[next].Exclusions)
        {
            if (exclusion.Tests.Aggregate((Known?)known, (all, test) => all?.Holding(test)) is { } excluded && !IsNothing(excluded, clauses, next + 1))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>What a request fails: one of the tests does not hold, or all tests of one of the exclusions do.</summary>
    private sealed record Clause(IReadOnlyList<Test> Tests, IReadOnlyList<Clause> Exclusions);

    /// <summary>What is known of a request. Immutable.</summary>
    /// <param name="Held">Tests that hold, by their subject.</param>
    /// <param name="Failed">Tests that do not.</param>
    private sealed record Known(IReadOnlyDictionary<string, Test> Held, IReadOnlyList<Test> Failed)
    {
        /// <returns>Null: that cannot be.</returns>
        public Known? Holding(Test test)
        {
            var narrowed = Held.TryGetValue(test.Subject, out var held) ? held.With(test) : test;
            foreach (var failed in Failed.Where(failed => failed.Subject == test.Subject))
            {
                narrowed = narrowed.Without(failed);
            }

            return narrowed.IsEmpty ? null : new Known(new Dictionary<string, Test>(Held) { [test.Subject] = narrowed }, Failed);
        }

        /// <returns>Null: that cannot be.</returns>
        public Known? Failing(Test test)
        {
            if (!Held.TryGetValue(test.Subject, out var held))
            {
                return this with { Failed = [.. Failed, test] };
            }

            var left = held.Without(test);
            return left.IsEmpty ? null : new Known(new Dictionary<string, Test>(Held) { [test.Subject] = left }, [.. Failed, test]);
        }
    }
}

using System.Net;
using EdgeProxy.Sites.Matching;

namespace EdgeProxy.Sites.Reaching;

/// <summary>One condition of a route: one of its values has to hold. Immutable.</summary>
internal abstract record Test
{
    /// <summary>The tests of a condition, all of which have to hold.</summary>
    public static IReadOnlyList<Test> Of(ConditionOptions options, IReadOnlyList<string>? paths)
    {
        var tests = new List<Test>();
        Add(paths, values => new PathTest([.. values.Select(PathPattern.Parse)]));
        Add(options.Hosts, values => new TextTest("host", values, SiteHosts.Covers, SiteHosts.AreDisjoint));
        Add(options.Methods, values => TextTest.Exact("method", values));
        Add(options.Scheme is { } scheme ? [scheme] : [], values => TextTest.Exact("scheme", values));
        Add(options.ClientIn, values => new ClientTest(RequestCondition.Networks([.. values])));
        Add(options.PathRegex, values => TextTest.Opaque("path regex", values));
        Add(options.FileExists, values => TextTest.Opaque("file", values));
        foreach (var (name, values) in options.Headers ?? [])
        {
            Add(values, of => new TextTest($"header {name.ToLowerInvariant()}", of, FieldTest.Covers, (_, _) => false)); // a request may have several
        }

        foreach (var (name, values) in options.Query ?? [])
        {
            Add(values, of => new TextTest($"query {name}", of, FieldTest.Covers, (one, other) => !one.Contains('*') && !other.Contains('*') && one != other));
        }

        foreach (var (name, values) in options.HeaderRegex ?? [])
        {
            Add(values, of => TextTest.Opaque($"header regex {name.ToLowerInvariant()}", of));
        }

        return tests;

        void Add(IReadOnlyList<string>? values, Func<IReadOnlyList<string>, Test> make)
        {
            if (values is { Count: > 0 })
            {
                tests.Add(make(values));
            }
        }
    }

    /// <summary>What is asked of; tests of one subject can be compared.</summary>
    public abstract string Subject { get; }

    /// <summary>Nothing is left that could hold.</summary>
    public abstract bool IsEmpty { get; }

    /// <summary>Without what the other one, of the same subject, is sure to allow; at least what is left.</summary>
    public abstract Test Without(Test other);

    /// <summary>What both, of one subject, allow; at least that.</summary>
    public abstract Test With(Test other);
}

/// <param name="Values">Of which one has to hold.</param>
/// <param name="Covers">Whether a value holds wherever another one does.</param>
/// <param name="AreDisjoint">Whether no request has both.</param>
internal sealed record TextTest(
    string Name, IReadOnlyList<string> Values, Func<string, string, bool> Covers, Func<string, string, bool> AreDisjoint) : Test
{
    public override string Subject => Name;

    public override bool IsEmpty => Values.Count == 0;

    /// <summary>A request has one of these values, and no other.</summary>
    public static TextTest Exact(string name, IReadOnlyList<string> values) => new(name, values, (one, other) => one == other, (one, other) => one != other);

    /// <summary>What the values mean is not looked at.</summary>
    public static TextTest Opaque(string name, IReadOnlyList<string> values) => new(name, values, (one, other) => one == other, (_, _) => false);

    public override Test Without(Test other) => this with { Values = [.. Values.Where(value => !((TextTest)other).Values.Any(own => Covers(own, value)))] };

    /// <remarks>Of each value of one and each of the other the narrower one holds, where both do.</remarks>
    public override Test With(Test other)
    {
        var others = ((TextTest)other).Values;
        return this with
        {
            Values = [.. Values.SelectMany(value => others.Any(own => Covers(own, value)) ? [value]
                : others.Where(own => !AreDisjoint(own, value)).Select(own => Covers(value, own) ? own : value)).Distinct()],
        };
    }
}

internal sealed record PathTest(IReadOnlyList<PathPattern> Patterns) : Test
{
    public override string Subject => "path";

    public override bool IsEmpty => Patterns.Count == 0;

    public override Test Without(Test other) =>
        new PathTest([.. Patterns.Where(pattern => !((PathTest)other).Patterns.Any(own => own.Covers(pattern)))]);

    public override Test With(Test other)
    {
        var others = ((PathTest)other).Patterns;
        return new PathTest([.. Patterns.SelectMany(pattern => others.Any(own => own.Covers(pattern)) ? [pattern]
            : others.Where(own => !own.IsDisjoint(pattern)).Select(own => pattern.Covers(own) ? own : pattern)).Distinct()]);
    }
}

internal sealed record ClientTest(IReadOnlyList<IPNetwork> Networks) : Test
{
    public override string Subject => "client";

    public override bool IsEmpty => Networks.Count == 0;

    public override Test Without(Test other) =>
        new ClientTest([.. Networks.Where(network => !((ClientTest)other).Networks.Any(own => Holds(own, network)))]);

    public override Test With(Test other)
    {
        var others = ((ClientTest)other).Networks;
        return new ClientTest([.. Networks.SelectMany(network => others.Any(own => Holds(own, network)) ? [network]
            : others.Where(own => Holds(network, own))).Distinct()]);
    }

    private static bool Holds(IPNetwork outer, IPNetwork inner) => outer.PrefixLength <= inner.PrefixLength && outer.Contains(inner.BaseAddress);
}

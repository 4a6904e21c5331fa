using System.Collections.Immutable;
using System.Text.Json.Nodes;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>Which requests a directive or a route is for: all that is there has to hold, and of a list one. Immutable.</summary>
/// <remarks>What it can say is what a route of <c>EdgeProxy:Sites</c> can say; whatever cannot be said so is null and not an approximation.</remarks>
internal sealed record Condition
{
    public static Condition All { get; } = new();

    /// <summary>The paths, any of which is enough; null: every path.</summary>
    public ImmutableArray<string>? Paths { get; init; }

    /// <summary>The lists by their kind: <c>Methods</c>, <c>Hosts</c>, <c>ClientIn</c>, <c>Headers:NAME</c>, <c>Query:NAME</c>, <c>Scheme</c>.</summary>
    public ImmutableSortedDictionary<string, ImmutableArray<string>> Lists { get; init; } =
        ImmutableSortedDictionary.Create<string, ImmutableArray<string>>(StringComparer.OrdinalIgnoreCase);

    /// <summary>None of these holds.</summary>
    public ImmutableList<Condition> Not { get; init; } = [];

    /// <summary>Regular expressions for the path that hold, by the names that placeholders have for them.</summary>
    public ImmutableDictionary<string, string> Captures { get; init; } = ImmutableDictionary.Create<string, string>(StringComparer.Ordinal);

    /// <summary>The kind of the regular expressions that paths are compared with.</summary>
    public const string PathRegex = "PathRegex";

    /// <summary>The kind of the files that are looked for.</summary>
    public const string FileExists = "FileExists";

    /// <summary>Stands before a file for a root that is not known yet.</summary>
    public const string OpenRoot = "\0";

    /// <summary>The path decides, by patterns, by regular expressions or as the name of a file.</summary>
    public bool AsksPath => Paths is not null || AsksWholePath || Not.Exists(excluded => excluded.AsksPath);

    /// <summary>The path decides by more than patterns.</summary>
    private bool AsksWholePath => Lists.ContainsKey(PathRegex)
        || Lists.GetValueOrDefault(FileExists, []).Any(file => file.Contains("{path}", StringComparison.Ordinal));

    /// <summary>Files are looked for below the root of the place where the condition is used.</summary>
    public bool HasOpenRoot => Lists.GetValueOrDefault(FileExists, []).Any(file => file.StartsWith(OpenRoot, StringComparison.Ordinal))
        || Not.Exists(excluded => excluded.HasOpenRoot);

    /// <summary>The kinds of lists, also of what is excluded.</summary>
    public IEnumerable<string> Kinds => Lists.Keys.Concat(Not.SelectMany(excluded => excluded.Kinds));

    public bool IsAll => Paths is null && Lists.IsEmpty && Not.IsEmpty;

    /// <summary>Nothing but paths is looked at.</summary>
    public bool IsByPath => Lists.IsEmpty && Not.IsEmpty;

    /// <summary>Whether every request of this one is of the other one, too.</summary>
    public bool Implies(Condition other) =>
        (other.Paths is not { } paths || (Paths is { } own && own.All(path => paths.Any(above => PathSets.Covers(above, path)))))
        && other.Lists.All(list => Lists.TryGetValue(list.Key, out var values) && values.All(list.Value.Contains))
        && other.Not.All(excluded => IsDisjoint(excluded) || Not.Any(own => excluded.Implies(own)));

    /// <summary>Whether no request is of both.</summary>
    public bool IsDisjoint(Condition other) =>
        (Paths is { } own && other.Paths is { } theirs && own.All(path => theirs.All(their => PathSets.AreDisjoint(path, their))))
        || Lists.Any(list => !IsOfMany(list.Key) && other.Lists.TryGetValue(list.Key, out var values) && !values.Any(list.Value.Contains))
        || Not.Any(other.Implies)
        || other.Not.Any(Implies);

    /// <summary>The requests of both.</summary>
    /// <returns>Null: a route cannot say that.</returns>
    public Condition? And(Condition other)
    {
        if (!TryMeet(Paths, other.Paths, out var paths))
        {
            return null;
        }

        var lists = Lists;
        foreach (var (kind, values) in other.Lists)
        {
            if (!lists.TryGetValue(kind, out var known))
            {
                lists = lists.Add(kind, values);
            }
            else if (known.All(values.Contains))
            {
                continue; // narrower already
            }
            else if (values.All(known.Contains) || !IsPattern(kind))
            {
                lists = lists.SetItem(kind, [.. known.Where(values.Contains)]);
            }
            else
            {
                return null;
            }
        }

        return this with
        {
            Paths = paths,
            Lists = lists,
            Captures = Captures.SetItems(other.Captures),
            Not = Not.AddRange(other.Not.Where(excluded => !Not.Exists(excluded.IsSame))),
        };
    }

    /// <summary>The requests of this one that are not of the other one.</summary>
    /// <returns>Null: a route cannot say that.</returns>
    public Condition? Without(Condition other) => other switch
    {
        { Not.IsEmpty: true } => this with { Not = Not.Add(other) },
        { Paths: null, Lists.IsEmpty: true, Not: [var only] } => And(only), // not not
        _ => null,
    };

    /// <summary>Makes the condition of paths that still have the prefix which was taken off.</summary>
    /// <returns>Null: a pattern does not begin with a slash, or there is a regular expression or a file of the path.</returns>
    public Condition? Below(string prefix)
    {
        var not = Not.Select(excluded => excluded.Below(prefix)).ToList();
        if (AsksWholePath || not.Contains(null) || Paths?.All(path => path.StartsWith('/') || PathSets.IsAll(path)) == false)
        {
            return null;
        }

        return this with
        {
            Paths = Paths is { } own ? [.. own.Select(path => PathSets.IsAll(path) ? path : prefix + path)] : null,
            Not = [.. not.OfType<Condition>()],
        };
    }

    /// <summary>The files below the root of the place where the condition is used, where it asks for nothing else; null: it does.</summary>
    public IReadOnlyList<string>? OnlyFiles => this is { Paths: null, Not.IsEmpty: true, Lists.Count: 1 } && Lists.TryGetValue(FileExists, out var files)
        && files.All(file => file.StartsWith(OpenRoot, StringComparison.Ordinal)) ? [.. files.Select(file => file[OpenRoot.Length..])] : null;

    /// <summary>Puts in the root.</summary>
    /// <param name="root">Absolute.</param>
    public Condition BelowRoot(string root) => this with
    {
        Lists = Lists.TryGetValue(FileExists, out var files)
            ? Lists.SetItem(FileExists, [.. files.Select(file => file.Replace(OpenRoot, root.TrimEnd('/'), StringComparison.Ordinal))]) : Lists,
        Not = [.. Not.Select(excluded => excluded.BelowRoot(root))],
    };

    public bool IsSame(Condition other) => JsonNode.DeepEquals(ToJson(withPath: true), other.ToJson(withPath: true));

    /// <summary>The section <c>Match</c> of a route, or an element of its <c>Not</c>; empty: nothing.</summary>
    public JsonObject ToJson(bool withPath = false)
    {
        var json = new JsonObject();
        if (withPath && Paths is { } paths)
        {
            json["Path"] = ListOf(paths);
        }

        foreach (var (kind, values) in Lists)
        {
            if (kind.Split(':', 2) is [var section, var name])
            {
                var fields = (JsonObject)(json[section] ??= new JsonObject());
                fields[name] = ListOf(values);
            }
            else
            {
                json[kind] = kind == "Scheme" ? JsonValue.Create(values[0]) : ListOf(values);
            }
        }

        if (!Not.IsEmpty)
        {
            json[nameof(Not)] = new JsonArray([.. Not.Select(excluded => excluded.ToJson(withPath: true))]);
        }

        return json;
    }

    /// <summary>A list of one may be written as its element.</summary>
    public static JsonNode ListOf(IReadOnlyList<string> values) =>
        values is [var only] ? JsonValue.Create(only) : new JsonArray([.. values.Select(value => (JsonNode)JsonValue.Create(value))]);

    /// <summary>Values of it match more than themselves.</summary>
    private static bool IsPattern(string kind) => kind is not ("Methods" or "Scheme");

    /// <summary>A request may have several of it, or one in several of its values.</summary>
    private static bool IsOfMany(string kind) => IsPattern(kind);

    private static bool TryMeet(ImmutableArray<string>? one, ImmutableArray<string>? other, out ImmutableArray<string>? met)
    {
        met = one ?? other;
        if (one is not { } first || other is not { } second)
        {
            return true;
        }

        var both = new List<string>();
        foreach (var (path, their) in first.SelectMany(path => second.Select(their => (path, their))))
        {
            if (PathSets.Covers(path, their))
            {
                both.Add(their);
            }
            else if (PathSets.Covers(their, path))
            {
                both.Add(path);
            }
            else if (!PathSets.AreDisjoint(path, their))
            {
                return false;
            }
        }

        met = [.. both.Distinct(StringComparer.OrdinalIgnoreCase)];
        return both.Count > 0; // else nothing is of both, which an empty list does not say
    }
}

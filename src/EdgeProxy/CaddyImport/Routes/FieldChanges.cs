using System.Collections.Immutable;
using System.Text.Json.Nodes;
using EdgeProxy.Importing;
using EdgeProxy.Sites;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>What is done to a field of a header.</summary>
internal enum FieldVerb
{
    Set,
    Add,
    Remove,
    Default,

    /// <summary>Of a part of the value, which is <see cref="FieldChange.Value"/>, by <see cref="FieldChange.With"/>. If it is not late, it finds nothing but
    /// what other lines have set.</summary>
    Replace,
}

/// <param name="Field">Its name; to remove, with a star at one end for several.</param>
/// <param name="Value">With EdgeProxy's placeholders; empty: it is removed.</param>
/// <param name="IsLate">Caddy does it when the response is there, and else before anything is.</param>
/// <param name="At">The line that says so.</param>
internal sealed record FieldChange(FieldVerb Verb, string Field, string Value, bool IsLate, SourceLine At)
{
    /// <summary>See <see cref="FieldVerb.Replace"/>.</summary>
    public string With { get; init; } = "";

    public bool IsOf(string field) => Verb == FieldVerb.Remove ? HeaderChanges.Means(Field, field) : Field.Equals(field, StringComparison.OrdinalIgnoreCase);
}

/// <summary>Follows what changes make of each field, and says the same by the changes of a route, which come in a fixed order: remove, set, add,
/// default.</summary>
internal sealed class FieldChanges(ImportRemarks remarks)
{
    /// <summary>Stands for whatever the client, the upstream or the file server has said.</summary>
    private const string Theirs = "\0";

    /// <summary>Fields that EdgeProxy's file server sets, and Caddy's does not.</summary>
    private static readonly string[] _ofFiles = ["Cache-Control", "X-Content-Type-Options", "Vary"];

    /// <summary>Of a response.</summary>
    /// <param name="site">What <c>header</c> says, in order.</param>
    /// <param name="upstream">What <c>header_down</c> says of the upstream's response; null: there is no upstream.</param>
    /// <param name="isFile">A file is served.</param>
    /// <returns>Null: nothing is changed.</returns>
    public JsonObject? OfResponse(ImmutableList<FieldChange> site, IReadOnlyList<FieldChange>? upstream, bool isFile)
    {
        var all = site.AddRange(upstream ?? []);
        if (all.Find(change => change.Verb == FieldVerb.Replace && all.Count(other => other.IsOf(change.Field)) > 1) is { } second)
        {
            remarks.Problem(
                second.At, $"{second.Field} has parts replaced and is changed by another line, too: not translated; write one line for {second.Field}");
            return null;
        }

        var (early, late) = (site.FindAll(change => !change.IsLate), Reversed(site));
        return Write(Names(site, upstream ?? []), [.. late, .. upstream ?? []], field =>
        {
            if (Follow(upstream is not null || IsMade(field, isFile) ? [Theirs] : [], upstream ?? [], field) is not { } theirs
                || Follow([], early, field) is not { } own)
            {
                return null;
            }

            // An upstream's fields are added to what is there; a file server and a response leave what is there.
            var values = Follow(upstream is null && own.Count > 0 ? own : [.. own, .. theirs], late, field);
            if (values?.Where(value => value != Theirs).GroupBy(value => value).FirstOrDefault(same => same.Count() > 1) is not { } twice)
            {
                return values;
            }

            remarks.Problem(
                site.AddRange(upstream ?? []).FindLast(change => change.IsOf(field))!.At, $"{field}: {twice.Key} is sent twice; remove one of the lines");
            return null;
        });
    }

    /// <summary>Of the request that is forwarded.</summary>
    public JsonObject? OfRequest(IReadOnlyList<FieldChange> changes) => Write(Names(changes, []), changes, field => Follow([Theirs], changes, field));

    /// <summary>Whether Caddy's own responses have the field.</summary>
    private static bool IsMade(string field, bool isFile) => isFile
        ? !_ofFiles.Contains(field, StringComparer.OrdinalIgnoreCase)
        : field.Equals("Content-Type", StringComparison.OrdinalIgnoreCase) || field.Equals("Location", StringComparison.OrdinalIgnoreCase);

    /// <summary>The innermost directive is the first to see a response. Within one the order is that of its kinds.</summary>
    private static ImmutableList<FieldChange> Reversed(ImmutableList<FieldChange> changes) =>
        [.. changes.Where(change => change.IsLate).Index().GroupBy(change => change.Item.At).Reverse()
            .SelectMany(directive => directive.OrderBy(change => Array.IndexOf(_within, change.Item.Verb)).Select(change => change.Item))];

    private static readonly FieldVerb[] _within = [FieldVerb.Add, FieldVerb.Set, FieldVerb.Default, FieldVerb.Remove, FieldVerb.Replace];

    private static IEnumerable<string> Names(IReadOnlyList<FieldChange> one, IReadOnlyList<FieldChange> other) => one.Concat(other)
        .Where(change => change.Verb != FieldVerb.Replace).Select(change => change.Field)
        .Where(field => !field.Contains('*', StringComparison.Ordinal)).Distinct(StringComparer.OrdinalIgnoreCase);

    /// <returns>Its values then; null: that cannot be followed, and a problem has said so.</returns>
    private List<string>? Follow(List<string> values, IReadOnlyList<FieldChange> changes, string field)
    {
        foreach (var change in changes.Where(change => change.IsOf(field)))
        {
            switch (change.Verb)
            {
                case FieldVerb.Set:
                    values = [change.Value];
                    break;
                case FieldVerb.Add when values is not [Theirs, Theirs, ..]:
                    values = [.. values, change.Value];
                    break;
                case FieldVerb.Remove:
                    values = [];
                    break;
                case FieldVerb.Default when values.Count == 0:
                    values = [change.Value];
                    break;
                case FieldVerb.Default when values is [Theirs]:
                    values = [Theirs, Theirs, change.Value];
                    break;
                case FieldVerb.Default:
                    break; // one value is there already, whatever theirs is
                default:
                    remarks.Problem(change.At, $"adds to {field}, which another line sets if it is not there: not translated; write one line for {field}");
                    return null;
            }
        }

        return values;
    }

    private static JsonObject? Write(IEnumerable<string> names, IEnumerable<FieldChange> changes, Func<string, List<string>?> follow)
    {
        var (remove, set, add, otherwise, replace) = (new JsonArray(), new JsonObject(), new JsonObject(), new JsonObject(), new JsonObject());
        foreach (var pattern in changes.Where(change => change.Field.Contains('*', StringComparison.Ordinal)).Select(change => change.Field).Distinct())
        {
            remove.Add((JsonNode)JsonValue.Create(pattern));
        }

        foreach (var name in names)
        {
            switch (follow(name))
            {
                case null or [Theirs]:
                    break;
                case []:
                    remove.Add((JsonNode)JsonValue.Create(name));
                    break;
                case [Theirs, Theirs, var value]:
                    otherwise[name] = value;
                    break;
                case [var value]:
                    set[name] = value;
                    break;
                case var values when values.Contains(Theirs):
                    add[name] = Condition.ListOf([.. values.Where(value => value != Theirs)]);
                    break;
                case var values:
                    remove.Add((JsonNode)JsonValue.Create(name));
                    add[name] = Condition.ListOf(values);
                    break;
            }
        }

        foreach (var change in changes.Where(change => change.Verb == FieldVerb.Replace))
        {
            replace[change.Field] = new JsonObject { ["Search"] = change.Value, ["With"] = change.With };
        }

        var json = new JsonObject();
        foreach (var (key, part) in new (string, JsonNode)[]
        {
            ("Remove", remove), ("Set", set), ("Add", add), ("Default", otherwise), ("Replace", replace),
        })
        {
            if (part is JsonArray { Count: > 0 } or JsonObject { Count: > 0 })
            {
                json[key] = part is JsonArray { Count: 1 } single ? single[0]!.DeepClone() : part;
            }
        }

        return json.Count > 0 ? json : null;
    }
}

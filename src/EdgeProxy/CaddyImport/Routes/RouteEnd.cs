using System.Text.Json.Nodes;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>What serves a request.</summary>
/// <param name="Key">Of a route: <c>App</c>, <c>Upstreams</c>, <c>Files</c>, <c>Redirect</c> or <c>Respond</c>.</param>
/// <param name="Value">Its value.</param>
internal sealed record RouteEnd(string Key, JsonNode Value)
{
    /// <summary>Caddy's response where nothing serves a request.</summary>
    public static RouteEnd Nothing => new("Respond", new JsonObject { ["Status"] = StatusCodes.Status200OK });

    /// <summary>Further keys of the route.</summary>
    public JsonObject Beside { get; init; } = [];

    /// <summary>What <c>header_up</c> says, and what is behind it in the order.</summary>
    public IReadOnlyList<FieldChange> RequestFields { get; init; } = [];

    /// <summary>What <c>header_down</c> says.</summary>
    public IReadOnlyList<FieldChange> ResponseFields { get; init; } = [];

    /// <summary>What it does not serve goes on to what comes behind it.</summary>
    public bool GoesOn { get; init; }

    /// <summary>There is no response.</summary>
    public bool IsSilent => Key == "Respond" && Value is JsonObject respond && respond.ContainsKey("Abort");

    public bool IsForwarded => Key is "App" or "Upstreams";
}

/// <summary>A route as it will stand in the settings.</summary>
/// <param name="Condition">Which requests it takes of those that no route before it takes.</param>
/// <param name="Content">All of its keys but <c>Path</c> and <c>Match</c>.</param>
/// <param name="Encodings">With what Caddy compresses its responses; null: not.</param>
internal sealed record MadeRoute(Condition Condition, JsonObject Content, IReadOnlyList<string>? Encodings)
{
    /// <summary>There is nothing to compress.</summary>
    public bool HasNoBody => Content.ContainsKey("Redirect") || Content["Respond"] is JsonObject;

    public JsonObject ToJson()
    {
        var json = new JsonObject();
        if (Condition.Paths is { } paths)
        {
            json["Path"] = Condition.ListOf(paths);
        }

        if (Condition.ToJson() is { Count: > 0 } match)
        {
            json["Match"] = match;
        }

        foreach (var (key, value) in Content)
        {
            json[key] = value?.DeepClone();
        }

        return json;
    }

    /// <summary>Whether it does the same as another one.</summary>
    public bool IsLike(MadeRoute other) => (Encodings is null) == (other.Encodings is null) && JsonNode.DeepEquals(Content, other.Content);
}

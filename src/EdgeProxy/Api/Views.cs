namespace EdgeProxy.Api;

/// <summary>The response to <c>GET /apps</c>: all apps by name.</summary>
internal sealed record AppsView(IReadOnlyDictionary<string, AppStatusView> Apps);

/// <summary>The response to <c>GET /livez</c> (<c>alive</c>) and <c>GET /readyz</c> (<c>ready</c>) with status 200.</summary>
internal sealed record ProbeView(string Status);

namespace EdgeProxy.Api;

/// <summary><c>GET /apps</c>.</summary>
internal sealed record AppsView(IReadOnlyDictionary<string, AppStatusView> Apps);

/// <summary><c>GET /livez</c> and <c>GET /readyz</c>.</summary>
internal sealed record ProbeView(string Status);
